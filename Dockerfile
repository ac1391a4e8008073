# billhook as an image: Debian 12, one binary, a user without rights, an SQLite database under /data.
# Run it with at least STRIPE_WEBHOOK_SECRET and API_KEYS (name:role:key): the image listens on all addresses, and
# billhook refuses to do so without keys. Every other setting: .env.example.
FROM debian:12-slim AS build
COPY deploy/packages.sh /src/deploy/
RUN /src/deploy/packages.sh build
WORKDIR /src
COPY . .
RUN cmake --preset release -DBUILD_TESTING=OFF \
 && cmake --build --preset release --target billhook \
 && cmake --install build/release --strip --prefix /out

FROM debian:12-slim
LABEL org.opencontainers.image.title="billhook" \
      org.opencontainers.image.description="Receives Stripe's webhooks and keeps billing read models of them" \
      org.opencontainers.image.licenses="MIT"
COPY deploy/packages.sh deploy/healthcheck.sh /usr/local/lib/billhook/
RUN /usr/local/lib/billhook/packages.sh run \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin billhook \
 && install --directory --owner billhook --group billhook /data
COPY --from=build /out/bin/billhook /usr/local/bin/
ENV HOST=0.0.0.0 PORT=8080 DATABASE_URL=sqlite:///data/billhook.db
USER billhook
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/local/lib/billhook/healthcheck.sh"]
ENTRYPOINT ["billhook"]
CMD ["serve"]
