"""What Ringback remembers: calls with their journals, the outbox of webhooks, accounts and what they own.

One thread writes (`journal.JournalWriter`); everybody reads through the repositories. `database.Database` opens both.
Nothing here decides anything about a call.
"""
