"""Turn chosen cards and a reader into an e-mail.

In: frozen cards, reasons and the frozen row of the delivery. Out: a subject, a text part and an HTML part within the
size limit. The same row gives the same octets on each try.
"""
