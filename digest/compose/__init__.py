"""Turn chosen cards and a reader into an e-mail.

In: frozen cards, reasons and what the delivery's row froze. Out: a subject, a text part and an HTML part within the
size limit. The same row gives the same octets on each try.
"""
