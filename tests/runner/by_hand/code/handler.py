def lambda_handler(event, context):
    return {"statusCode": 200, "said": f"{event['model']} {event['count']}", "number": event["count"] + 1}
