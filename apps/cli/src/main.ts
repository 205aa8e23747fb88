import { contextOf } from '@nomyo-internal/command-line'
import { runCli } from './program.js'

// `nomyo … | head` closes the pipe early, which is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

process.exitCode = await runCli({ args: process.argv.slice(2), ...contextOf(process) })
