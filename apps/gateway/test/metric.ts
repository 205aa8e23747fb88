import type { GatewayProcess } from './support.js'

/** Where a gateway with `--metrics-port` tells its metrics. */
export const metricsUrl = (gateway: GatewayProcess): string =>
  /metrics on (\S+)/.exec(gateway.stderr())?.[1] ?? ''

/** One value, by its name and labels as they stand in the text; 0 where it is not told. */
export async function metric(gateway: GatewayProcess, name: string): Promise<number> {
  const text = await (await fetch(metricsUrl(gateway))).text()
  const line = text.split('\n').find((one) => one.startsWith(`${name} `))
  return Number(line?.split(' ').at(-1) ?? 0)
}
