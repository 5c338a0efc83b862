// @ts-check
/** `npm run build`: `src/` to `dist/`. */
import { compile } from './ready.mjs'

compile()
