import type { PageTool } from './tool.js'

/** The current time, by the clock of the browser. */
export const currentTime: PageTool = {
  definition: {
    type: 'function',
    function: {
      name: 'current_time',
      description: 'The current date and time.',
      parameters: {
        type: 'object',
        properties: {
          time_zone: { type: 'string', description: 'IANA name, such as Europe/Berlin' },
        },
        required: [],
        additionalProperties: false,
      },
    },
  },
  run: ({ time_zone: timeZone }) => {
    if (timeZone !== undefined && typeof timeZone !== 'string') return 'time_zone must be a string.'
    try {
      const options = { dateStyle: 'full', timeStyle: 'long' } as const
      const zone = timeZone === undefined ? {} : { timeZone }
      return new Intl.DateTimeFormat('en', { ...options, ...zone }).format(new Date())
    } catch {
      return 'Unknown time zone.'
    }
  },
}
