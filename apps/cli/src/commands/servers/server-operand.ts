import { parseGatewayUrl } from '../../settings/gateway-settings.js'

/** Operand of commands about one server. */
export const SERVER_OPERAND = {
  usage: 'URL',
  missing: 'give the URL of a gateway',
  min: 1,
  parse: parseGatewayUrl,
}
