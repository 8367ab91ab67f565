# syntax=docker/dockerfile:1
# The image, for those who build with an engine: `docker buildx build --platform linux/amd64,linux/arm64 .`
# Releases are made by `make image`, which needs none. Both hold the same files and say the same of themselves; a test in
# tests/packaging/image compares the two.

# The version is that of rust-toolchain.toml. Its glibc is linked into the program: the image has no libraries.
FROM --platform=$BUILDPLATFORM docker.io/library/rust:1.95.0-bookworm AS build
ARG BUILDARCH
ARG TARGETARCH
WORKDIR /src
COPY rust-toolchain.toml ./
# A compiler for the other machine where it is another one, so that no emulator is needed.
RUN case "$TARGETARCH" in \
        amd64) machine=x86_64 package=x86-64 ;; \
        arm64) machine=aarch64 package=aarch64 ;; \
        *) echo "no image is made for $TARGETARCH; take amd64 or arm64" >&2; exit 1 ;; \
    esac \
    && echo "TRIPLE=$machine-unknown-linux-gnu" >/target.mk \
    && if [ "$BUILDARCH" != "$TARGETARCH" ]; then \
        apt-get update \
        && apt-get install --yes --no-install-recommends "gcc-$package-linux-gnu" "libc6-dev-$TARGETARCH-cross" \
        && rm -rf /var/lib/apt/lists/* \
        && echo "CROSS=$machine-linux-gnu-" >>/target.mk; \
    fi \
    && rustup target add "$machine-unknown-linux-gnu" \
    && cargo install --locked cargo-auditable@0.7.7
COPY Makefile Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY src src
COPY tests tests
RUN make static CARGO_AUDITABLE_ROOT="$CARGO_HOME" $(cat /target.mk) \
    && cp target/*-unknown-linux-gnu/release/jumpcloud-operator /jumpcloud-operator

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
