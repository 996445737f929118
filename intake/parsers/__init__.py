"""Message -> Submission: ``scan`` finds values, ``interpret`` makes a typed case of them."""
