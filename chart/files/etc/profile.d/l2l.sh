# For terminals in JupyterLab. Only the home outlives a server: environments that people make with conda belong there.
export CONDA_ENVS_DIRS="$HOME/.conda/envs"
export CONDA_PKGS_DIRS="$HOME/.conda/pkgs"
