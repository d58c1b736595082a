# contracts-api and reconciler on nothing but the libraries they link: no shell, no package manager, root read-only.
# `make image` builds this with docker, podman or buildah; where no registry can be reached it first makes both base images
# from Debian's own packages (scripts/image/bases.sh). `make image-test` holds what is said here.
#
#   docker run IMAGE                    the API on $PORT; settings are environment variables (docs/deployment.md)
#   docker run IMAGE reconciler --help  the operator

ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm
ARG DEBIAN_IMAGE=docker.io/library/debian:bookworm-slim

# hadolint ignore=DL3029
FROM --platform=linux/amd64 ${RUST_IMAGE} AS build
WORKDIR /build
# The same sources give the same bytes: no path of the machine that builds, no clock.
ENV RUSTFLAGS="--remap-path-prefix=/usr/local/cargo=/cargo --remap-path-prefix=/usr/local/rustup=/rustup" \
    CARGO_INCREMENTAL=0
# Dependencies first: this layer, most of the time a build takes, stays as long as these files do. The empty programs make
# cargo build exactly what the real ones will need; a target that Cargo.toml names must be there for it to be read.
COPY Cargo.toml Cargo.lock ./
COPY patches patches
# `ca` is a further CA bundle for machines behind a TLS-inspecting proxy: given to cargo for the download, in no layer.
RUN --mount=type=secret,id=ca,target=/run/secrets/ca --mount=type=cache,target=/usr/local/cargo/registry \
    if [ -s /run/secrets/ca ]; then export CARGO_HTTP_CAINFO=/run/secrets/ca; fi \
    && mkdir -p src/bin benches && touch src/lib.rs benches/engine.rs benches/http.rs benches/planning.rs benches/simulated_time.rs \
    && for program in contracts-api reconciler simulator; do echo 'fn main() {}' >"src/bin/$program.rs"; done \
    && cargo build --locked --release --bin contracts-api --bin reconciler && rm -r src
COPY src src
# Cargo compares times, and a copied file may be older than the empty one it replaces.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    find src -name '*.rs' -exec touch {} + \
    && cargo build --locked --offline --release --bin contracts-api --bin reconciler

# hadolint ignore=DL3029
FROM --platform=linux/amd64 ${DEBIAN_IMAGE} AS root
# Unpinned on purpose: each build takes Debian's security updates, and the SBOM says which versions these were.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates dumb-init libgcc-s1 \
    && rm -rf /var/lib/apt/lists/*
COPY scripts/image/root.sh /usr/local/sbin/
COPY --from=build /build/target/release/contracts-api /build/target/release/reconciler /usr/local/bin/
ARG VERSION=unknown
ARG GIT_SHA=unknown
# In a file as well, because buildah 1.28 takes a cached LABEL or ENV for the same whatever the arguments in it are; only what is
# copied from here tells it that they changed.
RUN root.sh /root-of-image && printf 'VERSION=%s\nGIT_SHA=%s\n' "$VERSION" "$GIT_SHA" >/root-of-image/etc/image-release

FROM scratch
COPY --from=root /root-of-image /
ARG VERSION=unknown
ARG GIT_SHA=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="hokusai/contracts" \
      org.opencontainers.image.description="Token contracts deployed exactly once, and the operator that keeps their service running on ECS" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${GIT_SHA}" \
      org.opencontainers.image.created="${CREATED}"
ENV PATH=/usr/local/bin GIT_SHA="${GIT_SHA}"
USER 10001:10001
EXPOSE 3001
# For docker and podman; ECS takes the health check of the task definition, which is the same command.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 CMD ["contracts-api", "healthcheck"]
# PID 1 passes signals on and reaps.
ENTRYPOINT ["/usr/bin/dumb-init", "--"]
CMD ["contracts-api"]
