"""The Telegram wire: a bot over MTProto. It turns updates into messages and asks the router.

It holds no rule of the trainer.
"""
