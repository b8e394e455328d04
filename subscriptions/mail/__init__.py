"""Send a mail: everything between a rendered e-mail and the mail server or provider.

In: a rendered e-mail, an address, headers. Out: one ``SendResult`` a mail, classified by one table of outcomes.
``mailer`` holds the only line that hands a mail to a backend.
"""
