export { createGateway, type Gateway } from './gateway.js'
export type { GatewayConfig, TpmConfig } from './config.js'
export type { LogLevel } from './log.js'
export type { Notice } from './notice.js'
