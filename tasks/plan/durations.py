"""Usual durations in minutes: what a plan promises and what the practice cluster takes.

Orders of magnitude from people's reports (EKS says "several minutes" and no more); a report of a real run shows what
yours took.
"""

CONTROL_PLANE = 25  # EKS takes 10 to 40
ADDON = 1.5  # one image pull on each node
CREATE_GROUPS = 12  # all stacks at once, nodes Ready included
DRAIN_GROUP = 3  # the hub's volume moves to the new node
DELETE_GROUP = 7  # CloudFormation takes down one stack
RAISE_MANAGED_GROUP = 15
EDIT = 0
