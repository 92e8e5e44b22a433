"""The practice cluster: what stands behind the seams in a rehearsal. It keeps the rules that the real one keeps.

Two halves: EKS (eks.py) and Kubernetes (kubernetes.py), with the programs that speak to them (eksctl.py, kubectl.py).
Everything that comes in passes one door (door.py), where it is numbered and where accidents are staged.
"""
