# Two stages: the first installs the locked requirements, the second carries only what runs. Works with a read-only
# root file system: the process writes to /data alone (the default database), and to nothing with PostgreSQL.

FROM python:3.11-slim-bookworm AS build
COPY requirements/ecr.txt /tmp/ecr.txt
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement /tmp/ecr.txt \
    && /opt/venv/bin/pip uninstall --yes pip setuptools
# /validate uses the newest strict schemas of Kubernetes alone, 5 MB of 108.
RUN /opt/venv/bin/python -c "import pathlib, shutil, importlib.util as util; \
    root = pathlib.Path(util.find_spec('kubernetes_validate').origin).parent / 'kubernetes-json-schema'; \
    [shutil.rmtree(path) for path in sorted(root.iterdir())[:-1]]"

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="tiketi-chatops" \
      org.opencontainers.image.description="A Discord bot for a GitHub Actions, kustomize and Argo CD pipeline"
WORKDIR /srv
COPY --from=build /opt/venv /opt/venv
COPY bot bot
COPY cogs cogs
# A number, so that Kubernetes can see that it is not root (runAsNonRoot).
RUN python -m compileall -q bot cogs && install --directory --owner 10001 --group 10001 /data
USER 10001:10001
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CHATOPS_DATABASE_URL=sqlite+aiosqlite:////data/chatops.db \
    CHATOPS_HTTP_HOST=0.0.0.0 \
    CHATOPS_HTTP_PORT=8080
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ['CHATOPS_HTTP_PORT']}/healthz\", timeout=4)"]
CMD ["python", "-m", "bot", "run"]
