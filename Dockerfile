FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

# Before the sources, so that a change in those does not install everything again.
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY . .

RUN useradd --system --create-home apo && install --directory --owner=apo --group=apo --mode=0700 /var/lib/apo
USER apo

EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --retries=6 --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]

CMD ["python", "main.py", "serve"]
