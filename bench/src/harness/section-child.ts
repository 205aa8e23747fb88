// Measures one section. Runs in a process of its own.
import { measureSection, type SectionInput } from '../measure.js'
import { childInput } from './child-process.js'

process.once('disconnect', () => process.exit())
process.send?.(await measureSection(childInput<SectionInput>()))
