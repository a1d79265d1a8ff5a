"""Access logs of any format, fast: blocks, the loop over them, columns, frames and sums."""
