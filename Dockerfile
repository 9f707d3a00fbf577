# syntax=docker/dockerfile:1
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/cdshooks \
 && /opt/cdshooks/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN /opt/cdshooks/bin/pip install --no-cache-dir --no-deps .
# On the installed copy, outside the source folder: no image is made with cards that cannot be read.
WORKDIR /
RUN /opt/cdshooks/bin/cdshooks check

FROM python:3.13-slim
COPY --from=build /opt/cdshooks /opt/cdshooks
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin cdshooks \
 && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/cdshooks
USER 10001:10001
WORKDIR /
VOLUME /var/lib/cdshooks
ENV CDSHOOKS_DATABASE_URL=sqlite:////var/lib/cdshooks/cdshooks.db
ENV PATH=/opt/cdshooks/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/ready', timeout=2)"]
# Production by default: CDSHOOKS_CLIENTS and CDSHOOKS_PUBLIC_URL are needed, and treatment centers of your own.
CMD ["cdshooks", "serve", "--host", "0.0.0.0", "--port", "8000", "--workers", "2"]
