# One image for every process: query, indexer, worker, and the command line.
FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Node is in the image, and nothing here needs an install script.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production RETICENT_HOST=0.0.0.0 RETICENT_DATA=/data RETICENT_POLICIES=/policies
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE* ./
COPY core ./core
COPY adapters ./adapters
COPY services ./services
COPY models ./models
COPY policies /policies
RUN mkdir /data && chown node:node /data
VOLUME /data
USER node
EXPOSE 8080
# Answers as long as the process does; whether it can answer questions is /readyz.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.RETICENT_PORT || 8080) + '/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "services/cli/main.ts"]
CMD ["serve"]
