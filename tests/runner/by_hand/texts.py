"""Parameters that need care on their way to a script."""

ODD = "é ñ 日本 😀 'single' \"double\" $HOME `id` \\ ; | & * ? [x] {y} %s {{z}} \t end"
LINES = "one\ntwo\r\n\n"
