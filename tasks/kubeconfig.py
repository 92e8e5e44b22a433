"""`invoke write-kubeconfig`: access to the cluster for kubectl, private and tested."""
