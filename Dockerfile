# docker build --build-arg VERSION="$(git describe --always --dirty)" -t guest-metrics-server:latest .
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY pkg pkg
ARG VERSION=unknown
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath \
    -ldflags "-s -w -X guest-metrics-server/pkg/app.Version=$VERSION" \
    -o /guest-metrics-server ./cmd/guest-metrics-server

FROM gcr.io/distroless/static:nonroot
COPY --from=build /guest-metrics-server /guest-metrics-server
# By number: runAsNonRoot cannot check a name.
USER 65532:65532
ENTRYPOINT ["/guest-metrics-server"]
