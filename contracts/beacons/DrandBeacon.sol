// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBeacon} from "../interfaces/IBeacon.sol";
import {G1, G2, isKey, isPoint, isSigned} from "../types/Bn254.sol";
import {hashToG1} from "../types/HashToG1.sol";
import {nextRound} from "../types/Rounds.sol";

/// @title DrandBeacon
/// @notice Rounds of a drand network of scheme bls-bn254-unchained-on-g1 (drand's evmnet). A round's signature is unique, so
/// its value, SHA-256 of the signature, is fixed before anybody knows it; drand's members publish it together, at its time.
/// Anyone stores it, once, for all who have named the round. Trusted: that fewer than drand's threshold of members collude,
/// or keep silent for good.
///
/// A block may bear an earlier time than the wall clock's, and be changed for a while. LAG is the most, in seconds, that the
/// two together come to: a round counts as due LAG seconds before drand publishes it, and only rounds that are not due are
/// named. So nobody who knows a value can still name its round, or cancel what has named it (D1).
contract DrandBeacon is IBeacon {
    /// @notice Of the tag by which signatures of this scheme are told from all others.
    string public constant TAG = "BLS_SIG_BN254G1_XMD:KECCAK-256_SVDW_RO_NUL_";

    /// @notice When drand publishes round 1, timestamp.
    uint40 public immutable GENESIS;
    /// @notice Seconds between rounds.
    uint40 public immutable PERIOD;
    /// @notice Seconds, as above.
    uint40 public immutable LAG;

    uint256 private immutable _xImaginary;
    uint256 private immutable _xReal;
    uint256 private immutable _yImaginary;
    uint256 private immutable _yReal;

    mapping(uint40 round => bytes32) private _values;

    /// @notice Due, and nobody has stored it yet: fetch its signature from drand and `store` it.
    error RoundNotStored(uint40 round);
    /// @notice Not 64 bytes that are a point of the curve.
    error SignatureMalformed(uint40 round);
    /// @notice A point of the curve, and not what drand has signed this round with.
    error SignatureForged(uint40 round);
    error KeyMalformed();
    /// @notice The period is zero, the first round still to come, or the lag longer than time itself.
    error ClockMalformed(uint40 genesis, uint40 period, uint40 lag);

    /// @param key drand's `public_key`, cut into four words
    constructor(G2 memory key, uint40 genesis, uint40 period, uint40 lag) {
        require(isKey(key), KeyMalformed());
        // Checked in 256 bits, so that `schedule` never underflows.
        bool sound = period > 0 && genesis <= block.timestamp && uint256(period) + lag <= genesis;
        require(sound, ClockMalformed(genesis, period, lag));
        (_xImaginary, _xReal, _yImaginary, _yReal) = (key.xImaginary, key.xReal, key.yImaginary, key.yReal);
        (GENESIS, PERIOD, LAG) = (genesis, period, lag);
    }

    /// @inheritdoc IBeacon
    /// @param proof drand's `signature` of the round, 64 bytes; not looked at where the round is stored already
    /// @dev reverts RoundNotDue, SignatureMalformed, SignatureForged
    function store(uint40 round, bytes calldata proof) external returns (bytes32 value) {
        value = _values[round];
        if (value != 0) return value;
        require(isDue(round), RoundNotDue(round));
        require(proof.length == 64, SignatureMalformed(round));
        G1 memory signature = abi.decode(proof, (G1));
        require(isPoint(signature), SignatureMalformed(round));
        require(isSigned(hashToG1(messageOf(round), bytes(TAG)), signature, publicKey()), SignatureForged(round));

        // INVARIANT: one value per round, for ever: one secret has one signature, and a point one encoding.
        value = sha256(proof);
        _values[round] = value;
        emit RoundStored(round, value);
    }

    /// @inheritdoc IBeacon
    function next() external view returns (uint40) {
        (uint40 origin, uint40 period, uint40 ahead) = schedule();
        return nextRound(origin, period, ahead);
    }

    /// @inheritdoc IBeacon
    /// @dev A round's time here is when it is due, LAG seconds before it is published.
    function schedule() public view returns (uint40 origin, uint40 period, uint40 ahead) {
        return (GENESIS - PERIOD - LAG, PERIOD, 1);
    }

    /// @inheritdoc IBeacon
    /// @dev reverts RoundNotDue, RoundNotStored; no round is ever lost
    function read(uint40 round) external view returns (bytes32 value) {
        value = _values[round];
        if (value != 0) return value;
        require(isDue(round), RoundNotDue(round));
        revert RoundNotStored(round);
    }

    /// @inheritdoc IBeacon
    function valueOf(uint40 round) external view returns (bytes32 value) {
        return _values[round];
    }

    /// @inheritdoc IBeacon
    function isDue(uint40 round) public view returns (bool) {
        (uint40 origin, uint40 period,) = schedule();
        return block.timestamp >= origin + uint256(round) * period;
    }

    /// @inheritdoc IBeacon
    /// @dev Never: its signature can be fetched and stored at any time.
    function isLost(uint40) external pure returns (bool) {
        return false;
    }

    /// @notice When drand publishes the round, timestamp.
    function publishedAt(uint40 round) external view returns (uint256) {
        (uint40 origin, uint40 period,) = schedule();
        return origin + uint256(round) * period + LAG;
    }

    /// @notice What drand signs: the round's number as 8 bytes, hashed.
    function messageOf(uint40 round) public pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint64(round)));
    }

    function publicKey() public view returns (G2 memory) {
        return G2({xImaginary: _xImaginary, xReal: _xReal, yImaginary: _yImaginary, yReal: _yReal});
    }
}
