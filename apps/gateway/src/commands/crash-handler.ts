import { errorFacts } from '../observability/log.js'

/**
 * Ends the process at a fault nobody caught, as Node would, but without the words of the error: those
 * may quote what was opened. Whoever watches over the process starts it again.
 */
export function endQuietlyOnFaults(say: (message: string) => void): void {
  process.on('uncaughtException', (error: unknown) => {
    const { type, message, stack } = errorFacts(error instanceof Error ? error : new Error())
    say(`internal fault, please report it: ${type} ${message}\n${stack}`)
    process.exit(1)
  })
}
