import { readFileSync } from 'node:fs'

/** The address of the metrics of a gateway with `--metrics-port`. */
export const metricsUrl = (gateway: { log(): string }): string =>
  /metrics on ([^\s"]+)/.exec(gateway.log())?.[1] ?? ''

/** Reads one metric, by its name and labels as the text has them; 0 where it is missing. */
export async function metric(gateway: { log(): string }, name: string): Promise<number> {
  const text = await (await fetch(metricsUrl(gateway))).text()
  const line = text.split('\n').find((one) => one.startsWith(`${name} `))
  return Number(line?.split(' ').at(-1) ?? 0)
}

/** Resident memory of a process in MiB, from Linux. */
export const residentMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
