# Two images:
#   docker build --target lifeboat .        everything: `lifeboat up` needs nothing else
#   docker build --target lifeboat-slim .   API server and worker, for a Temporal cluster of your own
# The servers that restores start are PostgreSQL 15 and Redis 7.0, as Debian 12 has them.

FROM golang:1.26.8-bookworm AS source
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .

FROM source AS build
ARG VERSION=dev
RUN go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /lifeboat ./cmd/lifeboat

FROM source AS build-slim
ARG VERSION=dev
RUN go build -trimpath -buildvcs=false -tags slim -ldflags "-s -w -X main.version=${VERSION}" -o /lifeboat ./cmd/lifeboat

FROM debian:bookworm-slim AS runtime
# The packages' own cluster and services are not wanted, only their programs.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl git openssh-client postgresql-common redis-server tini tzdata \
 && sed -ri 's/^#?create_main_cluster .*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf \
 && apt-get install -y --no-install-recommends postgresql-15 postgresql-client-15 prometheus \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --home-dir /var/lib/lifeboat --create-home lifeboat
USER lifeboat
WORKDIR /var/lib/lifeboat
ENV LIFEBOAT_DATA_DIR=/var/lib/lifeboat \
    LIFEBOAT_LISTEN=0.0.0.0:8080
VOLUME /var/lib/lifeboat
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8080/healthz"]
# Restored servers outlive what started them: something must collect them when they end.
ENTRYPOINT ["tini", "--", "lifeboat"]

FROM runtime AS lifeboat-slim
COPY --from=build-slim /lifeboat /usr/local/bin/lifeboat
CMD ["apiserver"]

FROM runtime AS lifeboat
COPY --from=build /lifeboat /usr/local/bin/lifeboat
CMD ["up"]
