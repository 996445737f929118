"""Turn a Message into a Submission: ``scan`` finds values, ``interpret`` makes a typed case."""
