"""Send a mail: everything between a rendered e-mail and the mail server or provider.

In: a rendered e-mail, an address, headers. Out: one ``SendResult`` for each mail, classified by ``outcomes``.
``mailer`` has the only line that hands a mail to a backend.
"""
