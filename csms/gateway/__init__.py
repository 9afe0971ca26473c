"""The stations' door: sockets in, house words on, answers back."""
