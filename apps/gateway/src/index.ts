export { createGateway, type Gateway, type Notice } from './gateway.js'
export type { GatewayConfig } from './config.js'
export type { LogLevel } from './log.js'
