"""Stand-ins for GitHub, Argo CD, the cluster and the registry over real sockets, and a scripted world."""
