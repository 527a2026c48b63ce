"""Sounds and spoken texts, made ready to be played: 8 kHz mono PCM16 WAV files on disk."""
