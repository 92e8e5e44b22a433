#!/bin/bash
# Runs in each user's server right after its start, as the user. If it fails, Kubernetes ends the server: so whatever
# goes wrong here, it ends well. No `set -e`.

# Homes outlive servers. What a server that was killed has left behind looks, to the next one, like running kernels.
find "$HOME/.local/share/jupyter/runtime" -type f -mmin +1 -delete 2>/dev/null

# Where environments go that people make themselves, see /etc/profile.d/l2l.sh.
mkdir -p "$HOME/.conda/envs" "$HOME/.conda/pkgs"

# Nobody wants to type their password at each push; nobody wants it in a file of their home either.
if command -v git >/dev/null && ! git config --global credential.helper >/dev/null; then
    git config --global credential.helper "cache --timeout=28800"
fi

exit 0
