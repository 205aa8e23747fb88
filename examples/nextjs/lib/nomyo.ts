import { SecureChatCompletion } from 'nomyo-js'

const baseUrl = process.env.NOMYO_BASE_URL ?? 'http://localhost:12435'

/** One client for all requests: it learns the keys of the gateway once, and keeps its connections. */
export const nomyo = new SecureChatCompletion({
  baseUrl,
  // Plain HTTP is for a gateway on this machine: on a network, an attacker could replace its keys.
  allowHttp: new URL(baseUrl).hostname === 'localhost',
})
