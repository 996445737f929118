"""What runs: mail collected, judged and recorded; letters and notices sent; the page published."""
