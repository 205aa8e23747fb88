import { spawnSync } from 'node:child_process'
import { isInstalled } from '@nomyo-internal/testing'
import { expect, it } from 'vitest'
import { metricsUrl } from './measure.js'
import { send, statusOf, testGateway } from './support.js'

it.skipIf(!isInstalled('promtool'))(
  'promtool finds nothing to improve in the metrics',
  async () => {
    const gateway = await testGateway({ args: ['--engine', 'demo', '--metrics-port', '0'] })
    expect(await statusOf(send(gateway))).toBe(200)
    const text = await (await fetch(metricsUrl(gateway))).text()
    // Those of the process and of Node are named by the library.
    const own = text
      .split('\n')
      .filter((line) => /^(?:# (?:HELP|TYPE) )?nomyo_/.test(line))
      .join('\n')
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: `${own}\n`,
      encoding: 'utf8',
    })
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
  },
)
