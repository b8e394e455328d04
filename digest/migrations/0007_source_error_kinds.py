import re

from django.db import migrations, models

# Every sentence that was written into Source.last_error -> its kind, and what of it stays as the detail. A sentence
# fits as a whole or not at all, so that the words which it quotes from elsewhere decide nothing.
SENTENCES = [
    (re.compile(pattern, re.S), kind, detail)
    for pattern, kind, detail in (
        (r'(\S+) is busy or resting: its turn did not come\.', 'host_busy', r'\1'),
        (r'(\S+ answered (?:429|503)) and asked for a pause\.', 'rate_limited', r'\1'),
        (r'(\S+ answered (?:404|410))\.', 'not_found', r'\1'),
        (r'(\S+ answered (?:401|403|451))\.', 'forbidden', r'\1'),
        (r'(\S+ answered 5\d\d)\.', 'server_error', r'\1'),
        (r'(\S+ answered \d+)\.', 'unexpected_status', r'\1'),
        (r'It redirects (more than \d+) times\.', 'bad_redirect', r'\1 redirects'),
        (r'It redirects, but does not say where to\.', 'bad_redirect', 'it does not say where to'),
        (r'The address is too long\.', 'invalid_url', 'longer than 2,000 characters'),
        (r'The address is not a web address\.', 'invalid_url', 'not a web address'),
        (r'The address (does not begin with http:// or https:// and a host)\.', 'invalid_url', r'it \1'),
        (
            r'The address has (a user name or a password in it), which is not supported\.',
            'invalid_url',
            r'\1 is not supported',
        ),
        (r'The address has an (impossible port): (\d+)\.', 'invalid_url', r'\1 \2'),
        (r'No address is known for (\S+)\.', 'host_not_found', r'\1'),
        (
            r'(\S+) leads into a private network \((\S+)\), where no source may lie\.',
            'private_address',
            r'\1 has the address \2',
        ),
        (r'(\S+ (?:took no connection within|sent nothing for|was not done within) \d+ s)\.', 'timeout', r'\1'),
        (r'(\S+) could not be reached: (.*?)\.?', 'connection_failed', r'\1, \2'),
        (r'The answer of (\S+) broke off or is not HTTP: (.*?)\.?', 'invalid_response', r'\1, \2'),
        (r'The answer is (packed in a way that was not asked for)\.', 'bad_compression', r'\1'),
        (r'The answer is (a damaged gzip|a gzip that was cut in the middle)\.', 'bad_compression', r'\1'),
        (r'The answer (goes on after the end of its gzip)\.', 'bad_compression', r'it \1'),
        (r'This is (a damaged \.gz file)\.', 'bad_compression', r'\1'),
        (r'(?:The answer|The body|It) is larger than (\d+ MiB)\.', 'too_large', r'more than \1'),
        (r'It has (more than [\d,]+ (?:elements|entries))\.', 'too_large', r'\1'),
        (r'It could not be stored; the log says why\.', 'not_stored', ''),
        (r'This is a (zip) archive: unpack it and give the files in it\.', 'archive', r'\1'),
        (r'This is (an empty zip) archive\.', 'archive', r'\1'),
        (r'This is (a \.gz inside a \.gz): unpack it first\.', 'archive', r'\1'),
        (r'This is a (PDF), not a feed\.', 'binary', r'\1'),
        (r'This is binary data, not a feed\.', 'binary', ''),
        (r'The body is empty\.', 'empty', ''),
        (r'This is an HTML page, not a feed\.', 'web_page', ''),
        (r'This is no (?:feed|format that is known here): (it begins with “.*”)\.', 'unknown_format', r'\1'),
        (r'It is (JSON without a list of papers)\.', 'unknown_format', r'\1'),
        (
            r'It (declares a document type of its own \(DTD\)), which feeds have no use for\.',
            'malformed',
            r'it \1',
        ),
        (r'It is cut in the middle, (before its first entry)\.', 'truncated', r'\1'),
        (r'It is cut in the middle: (not one whole entry is left)\.', 'truncated', r'\1'),
        (r'It is JSON that is cut in the middle or damaged: (.*?)\.?', 'truncated', r'damaged JSON, \1'),
        (
            r'It cannot be read: (not well-formed XML .*|elements nested more than \d+ deep'
            r'|an element with more than \d+ attributes|more than \d+ categories'
            r'|an element called “.*” that no feed has|an author\'s name with \d+ letters and no space)\.',
            'malformed',
            r'\1',
        ),
        (r'It is (JSON nested too deep)\.', 'malformed', r'\1'),
        (r'The feed reader failed on it \((\w+)\)\.', 'malformed', r'feedparser raised \1'),
        (r'It cannot be read: (.*?)\.?', 'file_unreadable', r'\1'),
        (r'There is no such file\.', 'file_unreadable', 'there is no such file'),
        (r'Nothing readable is left of it: (.*?)\.?', 'undecodable', r'\1'),
        (r'(?:arXiv|The archive|The source) answers with an error: (.*)', 'source_error', r'\1'),
        (r'The source answers without papers: (.*?)\.?', 'source_error', r'\1'),
    )
]


def kind_and_detail(sentence, *, url):
    """Return the kind and the detail of a sentence; one that is not in the list is kept whole, as ``other``."""
    if not sentence:
        return '', ''
    for pattern, kind, detail in SENTENCES:
        if match := pattern.fullmatch(sentence):
            if kind == 'file_unreadable' and not url.startswith('file:'):
                kind = 'malformed'
            return kind, match.expand(detail)
    return 'other', sentence


def split_sentences(apps, schema_editor):
    rows = apps.get_model('digest', 'Source').objects.using(schema_editor.connection.alias)
    for source in rows.only('url', 'failures', 'last_error', 'last_reading').iterator(chunk_size=500):
        kind, detail = kind_and_detail(source.last_error, url=source.url)
        if source.failures and not kind:
            kind = 'other'
        changed = {'last_error_kind': kind, 'last_error': detail[:500]}
        if source.last_reading:
            kind, detail = kind_and_detail(source.last_reading.get('error', ''), url=source.url)
            changed['last_reading'] = source.last_reading | {'error_kind': kind, 'error': detail}
        rows.filter(pk=source.pk).update(**changed)


class Migration(migrations.Migration):

    dependencies = [
        ('digest', '0006_completeness'),
    ]

    operations = [
        migrations.AddField(
            model_name='source',
            name='last_error_kind',
            field=models.CharField(blank=True, choices=[('host_busy', 'host busy'), ('rate_limited', 'rate limited'), ('not_found', 'not found'), ('forbidden', 'forbidden'), ('server_error', 'server error'), ('unexpected_status', 'unexpected status'), ('bad_redirect', 'bad redirect'), ('invalid_url', 'invalid url'), ('host_not_found', 'host not found'), ('private_address', 'private address'), ('timeout', 'timeout'), ('connection_failed', 'connection failed'), ('invalid_response', 'invalid response'), ('file_unreadable', 'file unreadable'), ('bad_compression', 'bad compression'), ('too_large', 'too large'), ('empty', 'empty'), ('archive', 'archive'), ('binary', 'binary'), ('web_page', 'web page'), ('unknown_format', 'unknown format'), ('undecodable', 'undecodable'), ('truncated', 'truncated'), ('malformed', 'malformed'), ('source_error', 'source error'), ('not_stored', 'not stored'), ('other', 'other')], default='', help_text='why the last check brought nothing; empty where it brought something', max_length=40),
        ),
        migrations.AlterField(
            model_name='source',
            name='last_error',
            field=models.CharField(blank=True, help_text='detail of the kind, which nothing depends on', max_length=500),
        ),
        migrations.RunPython(split_sentences, migrations.RunPython.noop),
    ]
