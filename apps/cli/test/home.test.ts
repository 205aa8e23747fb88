import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { homeFolder } from '../src/settings/home.js'
import { Home } from './support.js'

describe('the home folder', () => {
  it.each([
    ['/home/somebody', '/home/somebody'],
    ['', userInfo().homedir],
    ['somewhere', userInfo().homedir],
    [undefined, userInfo().homedir],
  ])('is, with HOME %j, %s', (named, expected) => {
    expect(homeFolder(named === undefined ? {} : { HOME: named })).toBe(expected)
  })

  it('has the config file in it where XDG_CONFIG_HOME is relative', async () => {
    const home = new Home()
    const folder = join(home.work, 'folder', 'nomyo')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'config.json'), 'nonsense')
    const env = { XDG_CONFIG_HOME: 'folder' }
    expect((await home.run(['servers', 'list'], { env })).code).toBe(0)
  })
})
