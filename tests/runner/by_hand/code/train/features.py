def add_features(frame):
    return frame.assign(square=frame["x"] ** 2)
