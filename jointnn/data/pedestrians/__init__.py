"""Pictures of walking people: the gait, who walks, the solids they are drawn with, the street, the camera.

Coordinates of a walker are (left, up, forward), of the camera (right, up, towards the viewer). Lengths are
in body heights, or in pixels where the name or the docstring says so.
"""
