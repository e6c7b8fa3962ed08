"""The symbols that an object file wants from others, in the formats of Linux, macOS and Windows."""

import struct


def undefined(code: bytes) -> set[str]:
    """The names of the undefined symbols of an ELF, Mach-O or COFF object file for a 64-bit processor."""
    if code[:4] == b"\x7fELF":
        return _of_elf(code)
    if code[:4] == b"\xcf\xfa\xed\xfe":
        return _of_mach_o(code)
    return _of_coff(code)


def _name(strings: bytes, start: int) -> str:
    return strings[start : strings.index(b"\0", start)].decode()


def _of_elf(code: bytes) -> set[str]:
    (headers,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", code, headers + k * size) for k in range(count)]
    found = set()
    for _, kind, _, _, start, length, link, _, _, _ in sections:
        if kind == 2:  # a table of symbols; `link` has their names
            strings = code[sections[link][4] :]
            for at in range(start, start + length, 24):
                name, _, _, section = struct.unpack_from("<IBBH", code, at)
                if name and section == 0:
                    found.add(_name(strings, name))
    return found


def _of_mach_o(code: bytes) -> set[str]:
    (commands,) = struct.unpack_from("<I", code, 16)
    at, found = 32, set()
    for _ in range(commands):
        kind, length = struct.unpack_from("<II", code, at)
        if kind == 2:
            symbols, count, strings, _ = struct.unpack_from("<IIII", code, at + 8)
            for k in range(count):
                name, of_kind = struct.unpack_from("<IB", code, symbols + 16 * k)
                if of_kind & 0x0F == 1:  # external, in no section
                    found.add(_name(code[strings:], name).removeprefix("_"))
        at += length
    return found


def _of_coff(code: bytes) -> set[str]:
    symbols, count = struct.unpack_from("<II", code, 8)
    strings, found, k = code[symbols + 18 * count :], set(), 0
    while k < count:
        name, value, section, _, storage, more = struct.unpack_from("<8sIhHBB", code, symbols + 18 * k)
        if (value, section, storage) == (0, 0, 2):
            long = name[:4] == b"\0\0\0\0"
            found.add(_name(strings, struct.unpack("<4xI", name)[0]) if long else name.rstrip(b"\0").decode())
        k += 1 + more
    return found
