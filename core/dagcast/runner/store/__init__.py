"""What stands for S3: a folder of the run, the user's own files, earlier runs, and S3 itself when asked."""
