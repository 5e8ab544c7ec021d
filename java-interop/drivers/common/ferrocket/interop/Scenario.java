package ferrocket.interop;

/** Something a client does, observed. Returns when what it requires was seen; throws otherwise. */
interface Scenario {
    void perform(Run run) throws Exception;
}
