"""SageMaker's container contract: the folders, files and variables of a job, and what is made of what it leaves."""
