/** Numbers of the line number programs of DWARF 2 to 5, as the standard has them (DWARF 5, sections 6.2 and 7.5). */

/** Versions that are read. */
export const DWARF_VERSION_LEAST = 2;
export const DWARF_VERSION_MOST = 5;
/** The first version that says how many operations an instruction has, and the one that lists files by forms. */
export const DWARF_VERSION_OPERATIONS = 4;
export const DWARF_VERSION_FORMS = 5;

/** A length of a unit that says that lengths and offsets have 64 bits. */
export const DWARF_64 = 0xffff_ffff;

/** Opcodes of 1 byte; those that are not here have nothing to do with addresses, files or lines. */
export const LineOpcode = {
  EXTENDED: 0,
  COPY: 1,
  ADVANCE_PC: 2,
  ADVANCE_LINE: 3,
  SET_FILE: 4,
  SET_COLUMN: 5,
  CONST_ADD_PC: 8,
  FIXED_ADVANCE_PC: 9,
} as const;

/** The opcode that CONST_ADD_PC advances like. */
export const LAST_SPECIAL_OPCODE = 255;

/** What follows an EXTENDED opcode and its length. */
export const ExtendedOpcode = { END_SEQUENCE: 1, SET_ADDRESS: 2 } as const;

/** What a field of an entry of directories or files says. */
export const LineContent = { PATH: 1, DIRECTORY: 2 } as const;

/** The forms that such a field may have. */
export const Form = {
  DATA2: 0x05,
  DATA4: 0x06,
  DATA8: 0x07,
  STRING: 0x08,
  BLOCK: 0x09,
  DATA1: 0x0b,
  STRP: 0x0e,
  UDATA: 0x0f,
  DATA16: 0x1e,
  LINE_STRP: 0x1f,
} as const;
