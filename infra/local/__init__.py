"""The local stack: an emulator of AWS, the real template deployed to it, and the site in front, on one machine."""
