# syntax=docker/dockerfile:1
# The image, for those who build with an engine: `docker buildx build --platform linux/amd64,linux/arm64 .`
# Releases are made by `make image`, which needs none. Both hold the same files and say the same of themselves; a test in
# tests/packaging/image compares the two.

# The version is that of rust-toolchain.toml. Its glibc is linked into the program: the image has no libraries.
FROM --platform=$BUILDPLATFORM docker.io/library/rust:1.95.0-bookworm AS build
ARG TARGETARCH
WORKDIR /src
# Both compilers are there on either machine, so that no emulator is needed.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc-x86-64-linux-gnu libc6-dev-amd64-cross gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
    && rm -rf /var/lib/apt/lists/*
COPY rust-toolchain.toml ./
RUN case "$TARGETARCH" in \
        amd64) echo x86_64 ;; \
        arm64) echo aarch64 ;; \
        *) echo "no image is made for $TARGETARCH; take amd64 or arm64" >&2; exit 1 ;; \
    esac >/machine \
    && rustup target add "$(cat /machine)-unknown-linux-gnu" \
    && cargo install --locked cargo-auditable@0.7.7
COPY Makefile Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY src src
COPY tests tests
RUN make static TRIPLE="$(cat /machine)-unknown-linux-gnu" CROSS="$(cat /machine)-linux-gnu-" CARGO_AUDITABLE=cargo-auditable \
    && cp "target/$(cat /machine)-unknown-linux-gnu/release/jumpcloud-operator" /jumpcloud-operator

# The files beside the program, made by the same tool as in `make image`.
FROM --platform=$BUILDPLATFORM docker.io/library/golang:1.26-bookworm AS files
WORKDIR /src
COPY tests/packaging/image ./
RUN go run . rootfs --output /files

FROM scratch
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="jumpcloud-operator" \
      org.opencontainers.image.description="A Kubernetes operator that turns YAML into JumpCloud bulk user jobs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/jumpcloud-operator/jumpcloud-operator" \
      org.opencontainers.image.url="https://github.com/jumpcloud-operator/jumpcloud-operator" \
      org.opencontainers.image.documentation="https://github.com/jumpcloud-operator/jumpcloud-operator#readme" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"
COPY --from=files /files/ /
COPY --from=build --chmod=0755 /jumpcloud-operator /usr/local/bin/jumpcloud-operator
ENV PATH=/usr/local/bin
WORKDIR /
# A number: runAsNonRoot cannot check a name.
USER 65532:65532
EXPOSE 8080/tcp
ENTRYPOINT ["/usr/local/bin/jumpcloud-operator"]
CMD ["run"]
