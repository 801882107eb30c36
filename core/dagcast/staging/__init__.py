"""Stage the code of steps as S3 objects. Content and address of each object are known before the upload."""
