# One image for every organisation's node. Build: docker build -t iars .
FROM python:3.12-slim AS build
RUN python -m venv /opt/iars
WORKDIR /source
COPY requirements.lock .
RUN /opt/iars/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY protocol protocol
COPY node node
COPY admin admin
RUN /opt/iars/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.12-slim
# The node needs no right but to its own folder.
RUN useradd --system --uid 10470 --home-dir /var/lib/iars --create-home iars
COPY --from=build /opt/iars /opt/iars
ENV PATH=/opt/iars/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    IARS_FOLDER=/var/lib/iars \
    IARS_HOST=0.0.0.0
USER iars
WORKDIR /var/lib/iars
VOLUME /var/lib/iars
EXPOSE 8470
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8470/health', timeout=2)"]
ENTRYPOINT ["iars"]
CMD ["serve"]
