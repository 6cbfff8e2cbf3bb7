-- Until the end of the transaction: a million scores are ranked and joined without a file.
SET LOCAL work_mem = '128MB'
